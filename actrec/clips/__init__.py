"""Where pictures come from: files that FFmpeg reads, the folders that are offered by name, and mannequins painted by rule."""
