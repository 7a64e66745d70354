"""The FPGA card in software: the RTL compiled by Verilator, as a C library and as a Python object."""
