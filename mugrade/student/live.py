"""Cell by cell: a cell that says `#| export` becomes part of the package as soon as it has run."""

import ast
import builtins
import importlib
import re
import sys
import types
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path, PurePosixPath
from typing import Any

from mugrade.course.manifest import digest
from mugrade.errors import WorkspaceError
from mugrade.package.blocks import (
    Block,
    cell_body,
    export_path,
    is_module_path,
    is_stub,
    misspelt_export,
    render_module,
    replace_block,
)
from mugrade.sandbox.loader import module_name
from mugrade.student import noted
from mugrade.student.index import complete_indices
from mugrade.student.kept import By, Kept, keep_blocks, withdraw
from mugrade.student.releases import remember_release
from mugrade.student.reload import run_blocks
from mugrade.student.stale import Runs
from mugrade.student.unbuilt import (
    ExportError,
    NotBuilt,
    how_to_build,
    say_what_is_missing,
    why_not,
)
from mugrade.student.workspace import Workspace
from mugrade.values.observe import describe

Stamp = tuple[int, int]
DEFINITION = re.compile(r"^(?:class|def)\s+(\w+)", re.MULTILINE)


class Session:
    """One kernel at work on the course: exports cells, keeps loaded modules up to date."""

    def __init__(self, workspace: Workspace, names: dict[str, Any]) -> None:
        self.workspace = workspace
        self.names = names
        self.loaded: dict[str, tuple[Stamp | None, list[Block]]] = {}
        self.runs = Runs()

    def install(self) -> None:
        """Make the package importable, also before its first cell has run."""
        sys.path.insert(0, str(self.workspace.root))
        sys.meta_path.insert(0, PackageFinder(self))
        try:
            self._prepare()
            with self.workspace.lock():
                remember_release(self.workspace)
        except WorkspaceError as error:
            print(f"note: {error}")

    def _prepare(self) -> None:
        with self.workspace.lock():
            complete_indices(self.workspace)
        for path in dict.fromkeys(entry.module for entry in self.workspace.manifest.blocks):
            if module := sys.modules.get(module_name(path)):
                say_what_is_missing(module, self.workspace.manifest)
                self._load(path)
        index = f"{self.workspace.manifest.package}/__init__.py"
        if not (self.workspace.root / index).exists():
            with self.workspace.lock():
                self.workspace.write_module(index, self.workspace.read_module(index))

    def pre_run_cell(self, info: Any) -> None:
        """Take over what another notebook has written since the last cell."""
        pending = list(self.loaded)
        while pending:
            failed = {path: error for path in pending if (error := self._follow(path))}
            if len(failed) == len(pending):
                break
            pending = list(failed)
        for path in pending:
            print(f"{path} has changed but does not run: {describe(failed[path])}")
            self.loaded[path] = (_stamp(self.workspace.root / path), self.loaded[path][1])

    def post_run_cell(self, result: Any) -> None:
        """Export the cell that has just run without an error."""
        source = result.info.raw_cell or ""
        path = export_path(source)
        if line := misspelt_export(source):
            package = self.workspace.manifest.package
            print(f"not exported: instead of {line!r} write '#| export {package}/name.py'")
        if path is None:
            return
        cell_id = getattr(result.info, "cell_id", None)
        exercise = self._exercise(source, path, cell_id)
        try:
            if result.success:
                print(self.export(source, path, cell_id))
            self.runs.note(exercise, good=result.success)
        except (ExportError, WorkspaceError) as error:
            self.runs.note(exercise, good=False)
            print(f"not exported: {error}")

    def _exercise(self, source: str, path: str, cell_id: str | None) -> str:
        """What a cell answers, also if it is no Python; empty for the student's own."""
        entries = self.workspace.manifest.module(path)
        block = Block(cell_id or "", cell_body(source))
        named = set(DEFINITION.findall(source))
        entry = self.workspace.manifest.identify(block, entries) or next(
            (entry for entry in entries if named & set(entry.symbols)), None
        )
        return entry.id if entry else ""

    def export(self, source: str, path: str, cell_id: str | None = None) -> str:
        """Write a cell into its module, load it, and bind the notebook's names to it."""
        self._require_module(path)
        block = self._block(source, path, cell_id)
        with self.workspace.lock():
            before = self.workspace.read_module(path)
            after = self._with(block, before, path)
            kept = keep_blocks(self.workspace, before, after, path, By.RUN)
            self.workspace.write_module(path, after)
            try:
                replaced = self._load(path, block)
            except BaseException as error:
                self.workspace.write_module(path, before)
                withdraw(kept)
                raise ExportError(why_not(error, path)) from None
            replaced += self._complete_indices()
            noted.note_run(self.workspace, block.id)
        scope = vars(sys.modules[module_name(path)])
        unknown = (block.reads - scope.keys() - vars(builtins).keys()) & self.names.keys()
        self.names.update({name: scope[name] for name in block.symbols & scope.keys()})
        lines = [f"{path}: {', '.join(sorted(block.symbols)) or block.id}"]
        if unknown:
            lines.append(
                f"note: {', '.join(sorted(unknown))} is known in the notebook but not in {path}: "
                "import or define it in an exported cell"
            )
        return "\n".join(lines + _of_stubs(block, kept) + replaced)

    def _complete_indices(self) -> list[str]:
        """Let the package offer what is built by now.

        A line that does not run is taken back; returns what is to be said of that.
        """
        notes = []
        for path, block in complete_indices(self.workspace):
            try:
                self._load(path, block)
            except Exception as error:
                blocks = self.workspace.read_module(path)
                self.workspace.write_module(path, [b for b in blocks if b.id != block.id])
                notes.append(f"note: {path} does not offer it yet: {describe(error)}")
        return notes

    def _require_module(self, path: str) -> None:
        package, root = self.workspace.manifest.package, self.workspace.root
        if not is_module_path(path) or not path.startswith(f"{package}/"):
            raise ExportError(f"{path} is no module of the package: write {package}/name.py")
        folders = PurePosixPath(path).parents[:-2]
        files = [file for folder in folders if (file := root / f"{folder}.py").is_file()]
        if files or (root / path).with_suffix("").is_dir():
            raise ExportError(f"{path} would hide another module of that name: choose another")

    def _block(self, source: str, path: str, cell_id: str | None) -> Block:
        block = Block(cell_id or "", cell_body(source))
        try:
            ast.parse(block.source)
        except SyntaxError as error:
            raise ExportError(
                f"{(error.text or 'it').strip()} is not Python: "
                "keep %magics and !commands in a cell of their own"
            ) from None
        entry = self.workspace.manifest.identify(block, self.workspace.manifest.module(path))
        own = "-".join(sorted(block.symbols or block.provides)) or digest(block.source)
        return Block(entry.id if entry else cell_id or own, block.source)

    def _with(self, block: Block, before: list[Block], path: str) -> list[Block]:
        """The blocks of a module after `block` has run, if they make a module."""
        entries = self.workspace.manifest.module(path)
        required = frozenset(s for e in entries if e.id == block.id for s in e.symbols)
        blocks = replace_block(before, block, [entry.id for entry in entries], required)
        try:
            compile(render_module(blocks), path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            raise ExportError(
                f"{path} would be no module ({error}): "
                "if another cell wrote that line, run it again, else remove the line"
            ) from None
        return blocks

    def _follow(self, path: str) -> BaseException | None:
        """Load what has changed; returns what it raised."""
        try:
            for note in self._load(path):
                print(note)
        except (Exception, SystemExit) as error:
            return error
        return None

    def _load(self, path: str, again: Block | None = None) -> list[str]:
        """Import a module, or run `again` and those of its blocks that have changed on disk.

        Returns a line for each class whose objects could not be kept.
        """
        name, stamp = module_name(path), _stamp(self.workspace.root / path)
        before = self.loaded.get(path, (None, []))
        if stamp is None or (again is None and before[0] == stamp):
            return []
        if name not in sys.modules:
            importlib.import_module(name)
            return []
        blocks = self.workspace.read_module(path)
        replaced = run_blocks(sys.modules[name], before[1], blocks, again)
        self.loaded[path] = (stamp, blocks)
        self._rebind(replaced, vars(sys.modules[name]))
        classes = [n for n, old in replaced.items() if isinstance(old, type)]
        return [
            f"note: {n} cannot be changed in place, objects made before keep the old one: "
            "restart the kernel"
            for n in sorted(classes)
            if replaced[n].__module__ == name
        ]

    def _rebind(self, replaced: dict[str, Any], new: dict[str, Any]) -> None:
        """Let the modules and the notebook that imported a former object have the new one."""
        for path, (_, blocks) in self.loaded.items():
            scope = vars(sys.modules[module_name(path)])
            imported = {name for block in blocks for name in block.imports}
            for name in replaced.keys() & imported:
                if scope.get(name) is replaced[name]:
                    scope[name] = new[name]
        for name, old in replaced.items():
            if callable(old) and self.names.get(name) is old:
                self.names[name] = new[name]


class PackageFinder(MetaPathFinder):
    """Finds the package's modules; one that is not there yet says which notebook builds it."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        workspace = self.session.workspace
        if name.partition(".")[0] != workspace.manifest.package:
            return None
        PathFinder.invalidate_caches()
        spec = PathFinder.find_spec(name, path, target)
        if spec is None:
            stage = workspace.manifest.stage_of_module(name)
            if stage is not None:
                raise NotBuilt(how_to_build(name, stage), name=name)
        elif spec.origin and Path(spec.origin).is_relative_to(workspace.root):
            spec.loader = ModuleLoader(name, spec.origin, self.session)
        return spec


class ModuleLoader(SourceFileLoader):
    """Runs a module block by block, and lets the session know what has run."""

    def __init__(self, name: str, file: str, session: Session) -> None:
        super().__init__(name, file)
        self.session = session

    def exec_module(self, module: types.ModuleType) -> None:
        workspace, file = self.session.workspace, Path(self.path)
        path, stamp = file.relative_to(workspace.root).as_posix(), _stamp(file)
        blocks = workspace.read_module(path)
        say_what_is_missing(module, workspace.manifest)
        run_blocks(module, [], blocks)
        self.session.loaded[path] = (stamp, blocks)


def _stamp(file: Path) -> Stamp | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def _of_stubs(block: Block, kept: list[Kept]) -> list[str]:
    """What to say where an answer has made way for the stub of its exercise."""
    written = [entry for entry in kept if not is_stub(entry.text)] if is_stub(block.source) else []
    return [
        f"note: this is the stub of {block.id}, and your answer was in its place: it is kept, "
        f"mugrade kept {entry.number} --restore puts it back"
        for entry in written
    ]
