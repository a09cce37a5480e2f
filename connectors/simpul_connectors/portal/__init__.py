"""The portal: figures as pages that people read, as files that they take along, and as JSON for programs."""
