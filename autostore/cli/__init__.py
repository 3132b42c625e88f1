"""The command `autostore`: a store in a shell, over the public API of the library, as any program uses it."""
