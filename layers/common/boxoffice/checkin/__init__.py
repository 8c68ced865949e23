"""Check-in: scans at the door, offline devices and attendance."""
