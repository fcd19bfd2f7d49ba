"""The console: pages for staff, over the same parts as the private routes.

Server-rendered; what they need of a browser is HTML and CSS, and a little script makes them better.
"""
