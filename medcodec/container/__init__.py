"""The .medc file: header, groups, checksums, atomic writing, lazy reading. See docs/format.md."""
