"""The study's report: one offline page, its sections by theme, words, tables and charts."""
