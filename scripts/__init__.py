"""Programs for developers: they generate pages, fetch editors and run the tests in other environments."""
