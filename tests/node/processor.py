"""The JavaScript implementations as processes that answer questions; see processor.mjs and client.mjs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from verifier.jsonld.context import CONTEXTS, context_document

HERE = Path(__file__).parent


class Node:
    """One Node process that runs a script of this directory."""

    def __init__(self, script: str, **environment: str) -> None:
        if not (HERE / "node_modules" / ".installed").exists():
            message = "the JavaScript implementations are missing: make test-setup"
            raise RuntimeError(message)
        self._process = subprocess.Popen(
            ["node", script],
            cwd=HERE,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def ask(self, **question: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON
        """Ask one question; the answer holds `error` when it was refused."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


class Processor(Node):
    """Canonicalises, signs and verifies."""

    def __init__(self) -> None:
        super().__init__("processor.mjs")
        self.ask(contexts=served_contexts())


def served_contexts() -> dict[str, Any]:
    """Every context that is known without the network."""
    return {url: context_document(url) for url in CONTEXTS}
