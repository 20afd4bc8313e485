"""The screens of the app, one per file, each with its stylesheet next to it."""
