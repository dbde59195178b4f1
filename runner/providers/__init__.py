"""Provider profiles: one TOML file for each paid API, read, checked and compiled. Start at `loader`."""
