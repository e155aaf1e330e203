"""What goes wrong on purpose: kinds of fault, rules for them, requests that ask for them."""
