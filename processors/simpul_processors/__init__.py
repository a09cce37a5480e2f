"""What folds events into figures: views, the fold, its store, and the Faust app that hosts it."""
