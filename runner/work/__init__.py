"""What commands do: load, preflight, run, deliver, status, explain, doubt. Between the library and the adapters."""
