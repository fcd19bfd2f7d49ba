"""What the words mean: pure values and rules, without any AWS library."""
