"""Coverage of the RTL by its benches: code (Verilator's counters) and situations (functional), merged and gated."""
