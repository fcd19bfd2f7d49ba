"""The console: pages for people, on the same services as the private routes.

Server-rendered; what they need of a browser is HTML and CSS, and a little script makes them better.
"""
