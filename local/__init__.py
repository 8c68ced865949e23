"""Boxoffice on one machine: `stack/` runs a SAM template, `boxoffice/` declares ours and adds its pages and demo."""
