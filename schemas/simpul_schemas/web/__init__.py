"""What every HTTP server of the bus shares, on both sides of it; needs uvicorn, which extras of the packages bring."""
