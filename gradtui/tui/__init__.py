"""The app: the only part of gradtui that imports textual and plotext. It reads run folders and never imports torch."""
