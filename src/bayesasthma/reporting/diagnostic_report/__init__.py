"""The diagnostic report of one fit: gate, tables, figures, and the model written out."""
