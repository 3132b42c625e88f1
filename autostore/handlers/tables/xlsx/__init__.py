"""Excel's workbooks: sheets of cells, which hold numbers, texts, truth values, dates and nothing else."""
