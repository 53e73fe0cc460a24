/* SPDX-License-Identifier: MIT */
/* What bytes look like, for the message on a file that cannot be read. */
#include <stream/foreign/room_int.h>

#define MAGIC(text, bytes)                                                                         \
	{                                                                                          \
		(text), (bytes), sizeof(bytes) - 1                                                 \
	}

static const struct {
	const char *is;
	const char *bytes;
	uint8_t count;
} magics[] = {
	MAGIC("a QEMU migration file", "QEVM"),
	MAGIC("a libvirt save image", "LibvirtQemudSave"),
	MAGIC("an unfinished libvirt save image", "LibvirtQemudPart"),
	MAGIC("a qcow2 image", "QFI\xfb"),
	MAGIC("gzip", "\x1f\x8b"),
	MAGIC("zstd", "\x28\xb5\x2f\xfd"),
	MAGIC("xz", "\xfd\x37zXZ"),
	MAGIC("bzip2", "BZh"),
	MAGIC("lzop", "\x89LZO"),
	MAGIC("lz4", "\x04\x22\x4d\x18"),
	MAGIC("a ZIP archive", "PK\3\4"),
	MAGIC("an ELF file", "\177ELF"),
	MAGIC("a perf.data file", "PERFILE2"),
	MAGIC("a trace-cmd file", "\x17\x08\x44tracing"),
	MAGIC("vpmu's own file of states", "vPM"),
	MAGIC("UTF-32 text", "\xff\xfe\0\0"),
	MAGIC("UTF-16 text (iconv -f UTF-16 makes it UTF-8)", "\xff\xfe"),
	MAGIC("UTF-16 text (iconv -f UTF-16 makes it UTF-8)", "\xfe\xff"),
};

enum { LOOKED_AT = 4096 };

static bool all_zeros(const uint8_t *at, size_t bytes)
{
	while (bytes && !at[bytes - 1])
		bytes--;
	return !bytes;
}

/* Latin characters with a zero beside each. */
static bool looks_like_utf16(const uint8_t *at, size_t bytes)
{
	size_t even = 0, odd = 0;

	for (size_t i = 0; i < bytes; i++)
		*(i % 2 ? &odd : &even) += !at[i];
	return bytes >= 8 && (even >= bytes / 4) != (odd >= bytes / 4) && even + odd <= bytes / 2;
}

/* How many bytes the UTF-8 character has; 0: it is none. */
static size_t utf8_length(const uint8_t *at, size_t bytes)
{
	size_t length = *at < 0x80 ? 1 : *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;

	if (*at > 0xf4 || length > bytes)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

static const char *looks_like_text(const uint8_t *at, size_t bytes)
{
	bool is_utf8 = true;
	size_t odd = 0;

	for (size_t i = 0, length; i < bytes; i += length ? length : 1) {
		length = utf8_length(at + i, bytes - i);
		is_utf8 &= length || bytes - i < 4; /* the last may be cut */
		odd += (at[i] < ' ' && at[i] != '\n' && at[i] != '\t' && at[i] != '\r') ||
		       at[i] == 0x7f;
	}
	if (odd > bytes / 64)
		return "binary data";
	return is_utf8 ? "text" : "text of another encoding than UTF-8";
}

/* A list of objects: a kernel's log begins with '[', too. */
static bool begins_list(const uint8_t *at, size_t bytes)
{
	size_t next = 1;

	while (next < bytes && (at[next] == ' ' || (at[next] >= '\t' && at[next] <= '\r')))
		next++;
	return at[0] == '[' && next < bytes && (at[next] == '{' || at[next] == '"');
}

/* "<6>" is what the kernel puts before a line of its log. */
static bool begins_element(const uint8_t *at, size_t bytes)
{
	return bytes && at[0] == '<' && !(bytes > 1 && at[1] >= '0' && at[1] <= '9');
}

const char *foreign_looks(const void *data, size_t bytes)
{
	const uint8_t *at = data;
	size_t count = bytes < LOOKED_AT ? bytes : LOOKED_AT, first = 0;

	if (!bytes)
		return "nothing: it is empty";
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (bytes >= magics[i].count && !memcmp(at, magics[i].bytes, magics[i].count))
			return magics[i].is;
	if (all_zeros(at, count))
		return "zeros";
	if (looks_like_utf16(at, count))
		return "UTF-16 text (iconv -f UTF-16 makes it UTF-8)";
	if (count >= 3 && !memcmp(at, "\xef\xbb\xbf", 3))
		first = 3;
	while (first < count && (at[first] == ' ' || (at[first] >= '\t' && at[first] <= '\r')))
		first++;
	if (begins_element(at + first, count - first))
		return "XML";
	if (first < count && (at[first] == '{' || begins_list(at + first, count - first)))
		return "JSON";
	return looks_like_text(at, count);
}

bool foreign_is_text(const void *data, size_t bytes, size_t *zero)
{
	const uint8_t *at = data;

	for (*zero = 0; *zero < bytes; ++*zero)
		if (!at[*zero])
			return false;
	return bytes;
}
