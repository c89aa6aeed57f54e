"""A transparency log over bytes: RFC 6962 tree, tiles, signed checkpoints, time anchors, fsck.

The package knows nothing of credentials. It takes a feed of opaque byte strings, puts each
into one append-only Merkle tree, and lets anyone who holds one signed checkpoint check every
byte of it. It imports none of the project's other packages.

    tree, tile, note, checkpoint, cosignature    the formats, pure functions of their arguments
    entry, state, anchor_record                  what Cairn writes into the log
    storage, checkpoint_store, reader            ports to durable bytes, and verified reads
    right_edge, sequencer, fsck                  the machine that appends, and the one that checks
    time_anchor, rfc3161, anchorer               outside witnesses of when a checkpoint existed
    tlog_policy, witness, witnesses              who cosigns, being one who does, and asking them
"""
