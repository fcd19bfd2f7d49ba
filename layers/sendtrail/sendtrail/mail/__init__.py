"""What a mail is made of: templates, links, text, and how it looks to a spam filter."""
