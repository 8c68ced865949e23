"""The version that is deployed."""

VERSION = "0.1.0"
