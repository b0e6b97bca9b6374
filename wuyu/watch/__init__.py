"""The watcher of the system itself, and the settings it goes by when those of the district are broken."""
