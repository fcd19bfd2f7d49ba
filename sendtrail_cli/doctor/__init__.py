"""`sendtrail doctor`: looks for what makes a real account fail, and says what to do about it."""
