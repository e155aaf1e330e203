"""How runs in a wanted state are got: the contract has no operation that makes one."""
