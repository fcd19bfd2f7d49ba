"""The public routes: pixel, links and preferences. What is in the link is signed."""
