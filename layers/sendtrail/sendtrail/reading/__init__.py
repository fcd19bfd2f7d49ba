"""Reading: queries and views for people: history, figures, search, export and preview."""
