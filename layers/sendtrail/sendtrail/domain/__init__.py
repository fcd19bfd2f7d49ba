"""The domain model: pure values and rules, without any AWS library."""
