"""The screens of the app, one a file, each with its stylesheet beside it."""
