"""Send only the changed columns of each changed line to the terminal."""

from __future__ import annotations

from rich.console import Console, RenderableType
from textual._compositor import ChopsUpdate


class NarrowUpdate(ChopsUpdate):
    """Textual's partial screen update, cropped to the part; Textual sends each part from its widget's left edge on."""

    def render_segments(self, console: Console) -> str:
        sequences: list[str] = []
        for y, first, end in self.spans:
            for strip_end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                start, stop = max(x, first), min(strip_end, end)
                if strip is not None and start < stop:
                    sequences += f"\x1b[{y + 1};{start + 1}H", strip.crop(start - x, stop - x).render(console)
        return "".join(sequences)


def narrowed(update: RenderableType | None) -> RenderableType | None:
    """The same update, cropped to what changed."""
    if type(update) is ChopsUpdate:
        return NarrowUpdate(update.chops, update.spans, update.chop_ends)
    return update
