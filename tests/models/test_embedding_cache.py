"""The cache of vectors: both implementations alike, no text in the file, bounded, forgettable."""

import stat

import numpy
import pytest

from mainstay.kernel import errors
from mainstay.models.embedding_cache import CachedEmbedder, InMemoryEmbeddingCache, SqliteEmbeddingCache
from mainstay.models.scripted import ScriptedEmbedder
from mainstay.testing.conformance.embedder import EmbedderConformance

SECRET = b"a secret of this test's workspace"


class Counted(ScriptedEmbedder):
    """Remembers what it was asked to embed."""

    def __init__(self, dimensions=16):
        super().__init__(dimensions)
        self.asked = []

    def embed(self, texts):
        self.asked.extend(texts)
        return super().embed(texts)


@pytest.fixture(params=["memory", "sqlite"])
def open_cache(request, tmp_path):
    opened = []

    def open_one(entry_max=1000):
        if request.param == "memory":
            return InMemoryEmbeddingCache(entry_max=entry_max)
        opened.append(SqliteEmbeddingCache(tmp_path / "vectors.sqlite", entry_max=entry_max))
        return opened[-1]

    yield open_one
    for cache in opened:
        cache.close()


class TestCachedEmbedder(EmbedderConformance):
    @pytest.fixture
    def embedder(self, open_cache):
        return CachedEmbedder(ScriptedEmbedder(), open_cache(), secret=SECRET)


class TestCachedOnnxEmbedder(EmbedderConformance):
    @pytest.fixture
    def embedder(self, onnx_embedder):
        return CachedEmbedder(onnx_embedder, InMemoryEmbeddingCache(), secret=SECRET)


def test_what_was_put_is_found_and_what_was_dropped_is_not(open_cache):
    cache = open_cache()
    cache.put({b"a": b"1", b"b": b"2"})
    cache.put({b"a": b"other"})
    assert cache.get([b"a", b"b", b"c"]) == {b"a": b"1", b"b": b"2"}
    cache.drop([b"a", b"c"])
    assert cache.get([b"a", b"b"]) == {b"b": b"2"}


def test_nothing_is_a_fine_argument(open_cache):
    cache = open_cache()
    cache.put({})
    cache.drop([])
    assert cache.get([]) == {}


def test_the_oldest_go_first(open_cache):
    cache = open_cache(entry_max=3)
    for number in range(5):
        cache.put({bytes([number]): b"x"})
    assert sorted(cache.get([bytes([number]) for number in range(5)])) == [b"\2", b"\3", b"\4"]


def test_more_keys_than_one_statement_takes(open_cache):
    cache = open_cache(entry_max=5000)
    entries = {number.to_bytes(4, "big"): str(number).encode() for number in range(2500)}
    cache.put(entries)
    assert cache.get(list(entries)) == entries


def test_a_text_is_embedded_once(open_cache):
    inner = Counted()
    embedder = CachedEmbedder(inner, open_cache(), secret=SECRET)
    first = embedder.embed(["a b", "c", "a b"])
    second = embedder.embed(["c", "d", "a b"])
    assert inner.asked == ["a b", "c", "d"]
    assert first[0].tobytes() == first[2].tobytes() == second[2].tobytes()
    assert second.tobytes() == inner.embed(["c", "d", "a b"]).tobytes()


def test_another_recipe_or_secret_finds_nothing(open_cache):
    cache, second, third = open_cache(), Counted(dimensions=24), Counted()
    CachedEmbedder(Counted(), cache, secret=SECRET).embed(["hello"])
    assert CachedEmbedder(second, cache, secret=SECRET).embed(["hello"]).shape == (1, 24)
    CachedEmbedder(third, cache, secret=b"of another workspace").embed(["hello"])
    assert (second.asked, third.asked) == (["hello"], ["hello"])


def test_vectors_of_the_same_size_and_another_recipe_are_not_mixed(open_cache):
    class Newer(Counted):
        recipe = "a newer runtime"

    cache, newer = open_cache(), Newer()
    CachedEmbedder(Counted(), cache, secret=SECRET).embed(["hello"])
    CachedEmbedder(newer, cache, secret=SECRET).embed(["hello"])
    assert newer.asked == ["hello"]


def test_forgotten_texts_are_embedded_anew(open_cache):
    inner = Counted()
    embedder = CachedEmbedder(inner, open_cache(), secret=SECRET)
    embedder.embed(["keep", "forget"])
    embedder.forget(["forget", "never seen"])
    embedder.embed(["keep", "forget"])
    assert inner.asked == ["keep", "forget", "forget"]


def test_a_row_of_the_wrong_length_counts_as_missing(open_cache):
    inner, cache = Counted(), open_cache()
    embedder = CachedEmbedder(inner, cache, secret=SECRET)
    cache.put({embedder._key("hello"): b"torn"})
    assert numpy.array_equal(embedder.embed(["hello"]), inner.embed(["hello"]))


def test_the_file_outlives_the_process_and_tells_nothing(tmp_path):
    path, inner = tmp_path / "cache" / "vectors.sqlite", Counted()
    cache = SqliteEmbeddingCache(path)
    CachedEmbedder(inner, cache, secret=SECRET).embed(["confidential words"])
    cache.close()
    again = SqliteEmbeddingCache(path)
    CachedEmbedder(inner, again, secret=SECRET).embed(["confidential words"])
    again.close()
    assert inner.asked == ["confidential words"]
    content = path.read_bytes()
    assert b"confidential" not in content
    assert SECRET not in content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_forgotten_vector_is_gone_from_the_file(tmp_path):
    path = tmp_path / "vectors.sqlite"
    cache = SqliteEmbeddingCache(path)
    embedder = CachedEmbedder(Counted(), cache, secret=SECRET)
    vector = embedder.embed(["forget me"]).tobytes()
    cache._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert vector in path.read_bytes()
    embedder.forget(["forget me"])
    cache.close()
    assert vector not in path.read_bytes()


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path):
    path = tmp_path / "vectors.sqlite"
    path.write_bytes(b"something of the operator's own" * 100)
    with pytest.raises(errors.Unavailable) as refused:
        SqliteEmbeddingCache(path)
    assert str(path) in refused.value.remedy
    assert path.read_bytes().startswith(b"something")


def test_a_short_secret_is_a_mistake():
    with pytest.raises(AssertionError):
        CachedEmbedder(Counted(), InMemoryEmbeddingCache(), secret=b"short")


def test_known_tells_what_the_cache_has_and_embeds_nothing(open_cache):
    inner = Counted()
    cached = CachedEmbedder(inner, open_cache(), secret=SECRET)
    there = cached.embed(["one", "three"])
    inner.asked.clear()
    places, rows = cached.known(["three", "two", "one"])
    assert places == [0, 2]
    assert numpy.array_equal(rows, there[::-1])
    assert inner.asked == []
    places, rows = cached.known(["two"])
    assert (places, rows.shape) == ([], (0, 16))


def test_what_is_still_remembered_stays_and_nothing_of_the_rest_is_in_the_file(tmp_path):
    cache = SqliteEmbeddingCache(tmp_path / "vectors.sqlite3")
    embedder = CachedEmbedder(ScriptedEmbedder(), cache, secret=b"s" * 16)
    embedder.embed(["hers", "theirs"])
    gone = embedder._key("hers")
    assert embedder.retain(["theirs", "never seen"]) == 1
    assert embedder.known(["hers", "theirs"])[0] == [1]
    assert not any(gone in path.read_bytes() for path in tmp_path.iterdir())
    cache.close()


def test_what_is_being_embedded_while_somebody_is_forgotten_is_not_kept():
    class Meanwhile(ScriptedEmbedder):
        def embed(self, texts):
            embedder.retain([])
            return super().embed(texts)

    embedder = CachedEmbedder(Meanwhile(), InMemoryEmbeddingCache(), secret=b"s" * 16)
    assert len(embedder.embed(["hers"])) == 1
    assert embedder.known(["hers"])[0] == []
