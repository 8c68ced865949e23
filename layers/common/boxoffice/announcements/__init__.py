"""Announcements: what a manager writes to the buyers or holders of an event. The API calls them messages."""
