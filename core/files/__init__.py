"""Files as inputs and outputs: what may be opened, whether it is whole, its columns, writing one whole or not at
all."""
