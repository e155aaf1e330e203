"""Record results, conclude from them and compare reports."""
