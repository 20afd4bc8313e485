"""What goes over the wire: of each line that changed, the columns that changed."""

from __future__ import annotations

from rich.console import Console, RenderableType
from textual._compositor import ChopsUpdate


class NarrowUpdate(ChopsUpdate):
    """Textual's update of parts of the screen, which sends each part from the left edge of its widget on, cut to the part."""

    def render_segments(self, console: Console) -> str:
        sequences: list[str] = []
        for y, first, end in self.spans:
            for strip_end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                start, stop = max(x, first), min(strip_end, end)
                if strip is not None and start < stop:
                    sequences += f"\x1b[{y + 1};{start + 1}H", strip.crop(start - x, stop - x).render(console)
        return "".join(sequences)


def narrowed(update: RenderableType | None) -> RenderableType | None:
    """The same update, cut to what changed."""
    if type(update) is ChopsUpdate:
        return NarrowUpdate(update.chops, update.spans, update.chop_ends)
    return update
