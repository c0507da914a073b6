"""Shows an edit while its answer arrives: as progress, and as a preview in clients that can show one."""

from spark_lsp.answer_events import Started
from spark_lsp.lsp.edit_preview import EditPreview
from spark_lsp.lsp.progress import Progress


class EditProgress:
    """Takes the events of one edit's answers."""

    def __init__(self, progress: Progress, preview: EditPreview) -> None:
        self._progress = progress
        self._preview = preview
        self._characters = 0

    def report(self, message: str) -> None:
        """Show a sentence."""
        self._progress.report(message)

    def started(self, event: Started) -> None:
        """Show that an engine has begun; its answer replaces an earlier one."""
        self._characters = 0
        self._preview.begin(event.format)
        self._progress.report(f"{event.engine} is working")

    def received(self, text: str) -> None:
        """Show a chunk of the answer."""
        self._characters += len(text)
        self._preview.receive(text)
        counts = f"{self._preview.tokens} tokens, {self._preview.seconds:.1f} s"
        self._progress.report(counts, characters=self._characters)
