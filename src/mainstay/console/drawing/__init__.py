"""Pictures as geometry: numbers in, places out. Templates draw them as SVG; nothing here knows of markup."""
