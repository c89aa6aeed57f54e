// Command logcheck reads a log as a stranger would, with the checksum database's own code:
// golang.org/x/mod/sumdb/note for signatures, sumdb/tlog for tiles and proofs.
//
//	logcheck follow VKEY URL...    each URL is a log's prefix; checks checkpoint, tiles, entries, proofs
//	logcheck proofs                JSON on standard input: proofs made elsewhere
//	logcheck receipt VKEY FILE...  c2sp.org/tlog-proof@v1 files whose extra line is the entry
//	logcheck cosigned FILE VKEY... the note in FILE has a good cosignature by each key, of type 04 or 06
//	logcheck cosign NAME TIME FILE cosigns the note in FILE with new keys of both types
//
// It prints one JSON object a subject on standard output, and exits 1 at the first thing that is wrong.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"logcheck/note"
	"logcheck/tlog"
)

const height = 8

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "logcheck:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) >= 3 && args[0] == "follow":
		for _, url := range args[2:] {
			if err := follow(args[1], url); err != nil {
				return fmt.Errorf("%s: %w", url, err)
			}
		}
		return nil
	case len(args) == 1 && args[0] == "proofs":
		return proofs(os.Stdin)
	case len(args) >= 3 && args[0] == "cosigned":
		return cosigned(args[1], args[2:])
	case len(args) == 4 && args[0] == "cosign":
		return cosign(args[1], args[2], args[3])
	case len(args) >= 3 && args[0] == "receipt":
		for _, file := range args[2:] {
			if err := receipt(args[1], file); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		return nil
	}
	return errors.New("usage: logcheck follow VKEY URL... | proofs | receipt VKEY FILE... | cosigned FILE VKEY... | cosign NAME TIME FILE")
}

// checkpoint opens a signed note and reads origin, size and root.
func checkpoint(vkey string, signed []byte) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of three lines by %s: %q", verifier.Name(), opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// tiles fetches tiles over HTTP; tlog checks every one against the signed root.
type tiles struct {
	url     string
	fetched int
}

func (t *tiles) Height() int { return height }

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		path := "tile/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
		data, err := get(t.url+"/"+path, "application/octet-stream")
		if err != nil {
			return nil, err
		}
		t.fetched++
		all = append(all, data)
	}
	return all, nil
}

func get(url, kind string) ([]byte, error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != kind {
		return nil, fmt.Errorf("%s: status %d, type %q", url, answer.StatusCode, answer.Header.Get("Content-Type"))
	}
	return body, nil
}

func follow(vkey, url string) error {
	signed, err := get(url+"/checkpoint", "text/plain; charset=utf-8")
	if err != nil {
		return err
	}
	tree, err := checkpoint(vkey, signed)
	if err != nil {
		return err
	}
	source := &tiles{url: url}
	reader := tlog.TileHashReader(tree, source)
	// 1. Every entry's bytes hash to its leaf.
	entries, err := everyEntry(url, tree, reader)
	if err != nil {
		return err
	}
	// 2. Proofs made from the tiles hold, at every edge of a tile.
	edges := interesting(tree.N)
	for _, index := range edges {
		if index == tree.N {
			continue
		}
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		if err != nil {
			return err
		}
		leaf, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf[0]); err != nil {
			return fmt.Errorf("record %d: %w", index, err)
		}
	}
	for _, old := range edges {
		if old == 0 {
			continue
		}
		root, err := tlog.TreeHash(old, reader)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(tree.N, old, reader)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old, root); err != nil {
			return fmt.Errorf("tree %d: %w", old, err)
		}
	}
	return say(map[string]any{"url": url, "size": tree.N, "entries": entries, "tiles": source.fetched, "edges": len(edges)})
}

func everyEntry(url string, tree tlog.Tree, reader tlog.HashReader) (int64, error) {
	var index int64
	for number := int64(0); number*256 < tree.N; number++ {
		width := min(256, tree.N-number*256)
		tile := tlog.Tile{H: height, L: 0, N: number, W: int(width)}
		path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/0/", height))
		bundle, err := get(url+"/tile/entries/"+path, "application/octet-stream")
		if err != nil {
			return 0, err
		}
		var wanted []int64
		var found []tlog.Hash
		for ; len(bundle) > 0; index++ {
			length := int(binary.BigEndian.Uint16(bundle))
			found = append(found, tlog.RecordHash(bundle[2:2+length]))
			wanted = append(wanted, tlog.StoredHashIndex(0, index))
			bundle = bundle[2+length:]
		}
		leaves, err := reader.ReadHashes(wanted)
		if err != nil {
			return 0, err
		}
		for at, leaf := range leaves {
			if leaf != found[at] {
				return 0, fmt.Errorf("entry %d is not what the log committed to", number*256+int64(at))
			}
		}
	}
	if index != tree.N {
		return 0, fmt.Errorf("%d entries in a log of %d", index, tree.N)
	}
	return index, nil
}

// interesting returns the numbers up to n that stand at the edges of tiles and subtrees.
func interesting(n int64) []int64 {
	seen := map[int64]bool{}
	var all []int64
	for _, near := range []int64{0, 1, 2, 255, 256, 257, 511, 512, 65279, 65280, 65535, 65536, 65537, n / 2, n - 1, n} {
		if near >= 0 && near <= n && !seen[near] {
			seen[near] = true
			all = append(all, near)
		}
	}
	return all
}

type made struct {
	Kind  string   `json:"kind"`
	Size  int64    `json:"size"`
	Root  []byte   `json:"root"`
	Index int64    `json:"index"` // of a record; of a tree, its older size
	Hash  []byte   `json:"hash"`  // leaf hash of a record; of a tree, its older root
	Proof [][]byte `json:"proof"`
}

func proofs(from io.Reader) error {
	var all []made
	if err := json.NewDecoder(from).Decode(&all); err != nil {
		return err
	}
	for _, one := range all {
		var path []tlog.Hash
		for _, hash := range one.Proof {
			path = append(path, tlog.Hash(hash))
		}
		var err error
		switch one.Kind {
		case "record":
			err = tlog.CheckRecord(path, one.Size, tlog.Hash(one.Root), one.Index, tlog.Hash(one.Hash))
		case "tree":
			err = tlog.CheckTree(path, one.Size, tlog.Hash(one.Root), one.Index, tlog.Hash(one.Hash))
		default:
			err = fmt.Errorf("unknown kind %q", one.Kind)
		}
		if err != nil {
			return fmt.Errorf("%s %d of %d: %w", one.Kind, one.Index, one.Size, err)
		}
	}
	return say(map[string]any{"checked": len(all)})
}

func receipt(vkey, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, signed, ok := bytes.Cut(content, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a proof")
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return err
	}
	var path []tlog.Hash
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		path = append(path, hash)
	}
	tree, err := checkpoint(vkey, signed)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
		return err
	}
	return say(map[string]any{"file": file, "index": index, "size": tree.N, "entry": string(entry)})
}

// typed returns the public key behind its type as a vkey holds it, and the key's id. Source: C2SP signed-note.
func typed(name string, kind byte, public []byte) ([]byte, []byte) {
	key := append([]byte{kind}, public...)
	digest := sha256.Sum256(append([]byte(name+"\n"), key...))
	return key, digest[:4]
}

// cosignedMessage returns what a cosigner of the kind signs over a checkpoint's text. Source: C2SP tlog-cosignature.
func cosignedMessage(kind byte, name, text string, at uint64) ([]byte, error) {
	if kind == 4 {
		return []byte(fmt.Sprintf("cosignature/v1\ntime %d\n%s", at, text)), nil
	}
	lines := strings.Split(text, "\n")
	size, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil {
		return nil, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != sha256.Size {
		return nil, errors.New("no root")
	}
	var message bytes.Buffer
	message.WriteString("subtree/v1\n\x00")
	message.WriteByte(byte(len(name)))
	message.WriteString(name)
	message.Write(binary.BigEndian.AppendUint64(nil, at))
	message.WriteByte(byte(len(lines[0])))
	message.WriteString(lines[0])
	message.Write(binary.BigEndian.AppendUint64(nil, 0))
	message.Write(binary.BigEndian.AppendUint64(nil, size))
	message.Write(root)
	return message.Bytes(), nil
}

func cosigned(file string, vkeys []string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	cut := bytes.LastIndex(content, []byte("\n\n"))
	if cut < 0 {
		return errors.New("not a note")
	}
	text, lines := string(content[:cut+1]), strings.Split(strings.TrimSuffix(string(content[cut+2:]), "\n"), "\n")
	for _, vkey := range vkeys {
		at, err := cosignedBy(vkey, text, lines)
		if err != nil {
			return fmt.Errorf("%.60s: %w", vkey, err)
		}
		if err := say(map[string]any{"vkey": vkey, "time": at}); err != nil {
			return err
		}
	}
	return nil
}

func cosignedBy(vkey, text string, lines []string) (uint64, error) {
	parts := strings.SplitN(vkey, "+", 3)
	key, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if len(parts) != 3 || err != nil || len(key) < 1 {
		return 0, errors.New("not a vkey")
	}
	_, id := typed(parts[0], key[0], key[1:])
	if fmt.Sprintf("%x", id) != parts[1] {
		return 0, errors.New("a vkey with another id")
	}
	for _, line := range lines {
		words := strings.Split(line, " ")
		blob, err := base64.StdEncoding.DecodeString(words[len(words)-1])
		if len(words) != 3 || words[0] != "\u2014" || err != nil || len(blob) < 12 {
			return 0, fmt.Errorf("not a signature line: %.60q", line)
		}
		if words[1] != parts[0] || !bytes.Equal(blob[:4], id) {
			continue
		}
		at := binary.BigEndian.Uint64(blob[4:12])
		message, err := cosignedMessage(key[0], parts[0], text, at)
		if err != nil {
			return 0, err
		}
		switch key[0] {
		case 4:
			if len(key) != 1+ed25519.PublicKeySize || !ed25519.Verify(key[1:], message, blob[12:]) {
				return 0, errors.New("a wrong signature")
			}
		case 6:
			public, err := mldsa.NewPublicKey(mldsa.MLDSA44(), key[1:])
			if err != nil {
				return 0, err
			}
			if err := mldsa.Verify(public, message, blob[12:], nil); err != nil {
				return 0, err
			}
		default:
			return 0, errors.New("not a cosigner's key")
		}
		return at, nil
	}
	return 0, errors.New("no cosignature")
}

func cosign(name, time, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	at, err := strconv.ParseUint(time, 10, 64)
	if err != nil {
		return err
	}
	text := string(content[:bytes.LastIndex(content, []byte("\n\n"))+1])
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	successor, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		return err
	}
	for kind, key := range map[byte][]byte{4: public, 6: successor.PublicKey().Bytes()} {
		message, err := cosignedMessage(kind, name, text, at)
		if err != nil {
			return err
		}
		signature := ed25519.Sign(private, message)
		if kind == 6 {
			if signature, err = successor.Sign(nil, message, &mldsa.Options{}); err != nil {
				return err
			}
		}
		whole, id := typed(name, kind, key)
		blob := append(binary.BigEndian.AppendUint64(append([]byte{}, id...), at), signature...)
		line := fmt.Sprintf("\u2014 %s %s\n", name, base64.StdEncoding.EncodeToString(blob))
		vkey := fmt.Sprintf("%s+%x+%s", name, id, base64.StdEncoding.EncodeToString(whole))
		if err := say(map[string]any{"kind": kind, "vkey": vkey, "line": line}); err != nil {
			return err
		}
	}
	return nil
}

func say(what map[string]any) error { return json.NewEncoder(os.Stdout).Encode(what) }
