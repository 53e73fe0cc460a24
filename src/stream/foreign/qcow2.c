/* SPDX-License-Identifier: MIT */
/*
 * The VM states in qcow2 images (QEMU's docs/interop/qcow2.rst): a snapshot's own table maps them
 * behind the disk's last cluster. All of it is looked up when a snapshot is chosen, so that what is
 * damaged, or not read here, is told before anything is read.
 */
#include <stream/foreign/room_int.h>

enum {
	HEADER = 72, /* of version 2 */
	HEADER_3 = 104,
	ENTRY = 40, /* of the snapshot table, without what varies */
	EXTRA = 16, /* the large state size, and the disk's */
	SNAPSHOTS = 65536,
	L1_ENTRIES = 1 << 22,
	CLUSTER_BITS_LEAST = 9,
	CLUSTER_BITS_MOST = 21,
	CHUNK = 64, /* entries of a table that are looked at at once */
};

#define OFFSET_MASK UINT64_C(0x00fffffffffffe00)
#define COMPRESSED  BIT64(62)

/* Incompatible features. Dirty (0) and corrupt (1) are about what is not read here. */
enum { EXTERNAL_DATA = 2, COMPRESSION = 3, EXTENDED_L2 = 4, FEATURES_KNOWN = 0x1f };

static uint64_t be(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | *at++;
	return value;
}

static enum vpmu_status fail(const struct why *why, enum vpmu_status status, const char *what)
{
	return fail_line(why, status, 0, what);
}

/* Reads a part of the file that must be there. */
static enum vpmu_status get(const struct foreign_qcow2 *image, uint64_t offset, void *into,
                            size_t bytes, const struct why *why)
{
	const struct vpmu_source *source = image->source;

	if (offset > source->bytes || bytes > source->bytes - offset)
		return fail(why, VPMU_BAD_DATA,
		            "a table is behind the end: the image is cut short");
	if (!source->read(source->context, offset, into, bytes))
		return fail(why, VPMU_HOST, "it cannot be read");
	return VPMU_OK;
}

/* --- The header ------------------------------------------------------------------------------- */

static enum vpmu_status check_features(uint64_t features, const struct why *why)
{
	if (features >> EXTERNAL_DATA & 1)
		return fail(why, VPMU_INCOMPATIBLE, "an image with an external data file");
	if (features >> EXTENDED_L2 & 1)
		return fail(why, VPMU_INCOMPATIBLE, "an image with extended L2 entries");
	if (features & ~(uint64_t)FEATURES_KNOWN)
		return fail(why, VPMU_INCOMPATIBLE, "an image with features of a newer QEMU");
	return VPMU_OK;
}

static enum vpmu_status check_header(const struct foreign_qcow2 *image, const uint8_t *header,
                                     size_t bytes, const struct why *why)
{
	uint64_t format = be(header + 4, 4), encryption = be(header + 32, 4);

	if (format < 2 || format > 3)
		return fail(why, VPMU_INCOMPATIBLE,
		            "an image of another version than qcow2's 2 and 3");
	if (format == 3 && bytes < HEADER_3)
		return fail(why, VPMU_BAD_DATA, "the header is cut short");
	if (encryption)
		return fail(why, VPMU_INCOMPATIBLE, "an image that is encrypted");
	if (image->cluster_bits < CLUSTER_BITS_LEAST || image->cluster_bits > CLUSTER_BITS_MOST)
		return fail(why, VPMU_BAD_DATA, "clusters of a size that qcow2 does not have");
	if (image->snapshots > SNAPSHOTS)
		return fail(why, VPMU_BAD_DATA, "more than 65536 snapshots");
	return format == 3 ? check_features(be(header + 72, 8), why) : VPMU_OK;
}

enum vpmu_status foreign_qcow2_open(struct foreign_qcow2 *image, const struct vpmu_source *source,
                                    char *text, size_t text_bytes)
{
	const struct why why = {text, text_bytes};
	size_t bytes = source->bytes < HEADER_3 ? (size_t)source->bytes : HEADER_3;
	uint8_t header[HEADER_3];
	enum vpmu_status status;

	*image = (struct foreign_qcow2){.source = source};
	if (bytes < HEADER)
		return fail(&why, VPMU_BAD_DATA, "the header is cut short");
	status = get(image, 0, header, bytes, &why);
	if (status)
		return status;
	image->cluster_bits = (uint32_t)be(header + 20, 4);
	image->disk_bytes = be(header + 24, 8);
	image->snapshots = (uint32_t)be(header + 60, 4);
	image->next = be(header + 64, 8);
	return check_header(image, header, bytes, &why);
}

/* --- Snapshots -------------------------------------------------------------------------------- */

/* A name as far as it goes into `into`. */
static enum vpmu_status get_name(const struct foreign_qcow2 *image, uint64_t at, size_t length,
                                 char *into, size_t room, const struct why *why)
{
	size_t taken = length < room ? length : room - 1;

	into[taken] = '\0';
	return get(image, at, into, taken, why);
}

/* What a table's entry has behind its fixed part. */
static enum vpmu_status get_extra(const struct foreign_qcow2 *image, size_t bytes,
                                  struct foreign_snapshot *snapshot, const struct why *why)
{
	uint8_t extra[EXTRA];
	enum vpmu_status status = VPMU_OK;

	if (bytes >= EXTRA)
		status = get(image, image->next + ENTRY, extra, EXTRA, why);
	else if (bytes >= 8)
		status = get(image, image->next + ENTRY, extra, 8, why);
	if (bytes >= 8 && !status)
		snapshot->state_bytes = be(extra, 8);
	if (bytes >= EXTRA && !status)
		snapshot->disk_bytes = be(extra + 8, 8);
	return status;
}

enum vpmu_status foreign_qcow2_next(struct foreign_qcow2 *image, struct foreign_snapshot *snapshot,
                                    char *text, size_t text_bytes)
{
	const struct why why = {text, text_bytes};
	size_t id_bytes, name_bytes, extra_bytes;
	uint8_t entry[ENTRY];
	enum vpmu_status status;
	uint64_t at;

	if (!image->snapshots)
		return VPMU_NO_REGISTER;
	status = get(image, image->next, entry, ENTRY, &why);
	if (status)
		return status;
	id_bytes = (size_t)be(entry + 12, 2);
	name_bytes = (size_t)be(entry + 14, 2);
	extra_bytes = (size_t)be(entry + 36, 4);
	*snapshot = (struct foreign_snapshot){.l1_offset = be(entry, 8),
	                                      .l1_entries = (uint32_t)be(entry + 8, 4),
	                                      .state_bytes = be(entry + 32, 4),
	                                      .disk_bytes = image->disk_bytes};
	status = get_extra(image, extra_bytes, snapshot, &why);
	at = image->next + ENTRY + extra_bytes;
	if (!status)
		status = get_name(image, at, id_bytes, snapshot->id, sizeof(snapshot->id), &why);
	if (!status)
		status = get_name(image, at + id_bytes, name_bytes, snapshot->name,
		                  sizeof(snapshot->name), &why);
	image->next = (at + id_bytes + name_bytes + 7) & ~UINT64_C(7);
	image->snapshots--;
	return status;
}

/* --- The VM state of one ---------------------------------------------------------------------- */

static uint64_t cluster_bytes(const struct foreign_qcow2 *image)
{
	return BIT64(image->cluster_bits);
}

/* How much of the disk an entry of the first table is for. */
static unsigned l1_shift(const struct foreign_qcow2 *image)
{
	return 2 * image->cluster_bits - 3;
}

/* Entries of a table, from one on; CHUNK at most. */
static enum vpmu_status get_entries(const struct foreign_qcow2 *image, uint64_t table,
                                    uint64_t from, size_t count, uint64_t *entries,
                                    const struct why *why)
{
	uint8_t bytes[8 * CHUNK];
	enum vpmu_status status = get(image, table + 8 * from, bytes, 8 * count, why);

	for (size_t i = 0; i < count && !status; i++)
		entries[i] = be(bytes + 8 * i, 8);
	return status;
}

/* The table for a part of the image; 0: there are only zeros. */
static enum vpmu_status find_table(const struct foreign_qcow2 *image, uint64_t at, uint64_t *table,
                                   const struct why *why)
{
	uint64_t index = at >> l1_shift(image), entry;
	enum vpmu_status status;

	*table = 0;
	if (index >= image->l1_entries)
		return fail(why, VPMU_BAD_DATA, "the VM state goes beyond its snapshot's table");
	status = get_entries(image, image->l1_offset, index, 1, &entry, why);
	if (!status)
		*table = entry & OFFSET_MASK;
	if (*table & (cluster_bytes(image) - 1))
		return fail(why, VPMU_BAD_DATA, "a table that begins within a cluster");
	return status;
}

/* Where the bytes of a cluster are; 0: they are zeros. */
static uint64_t cluster_of(uint64_t entry)
{
	return entry & 1 ? 0 : entry & OFFSET_MASK;
}

static enum vpmu_status check_entry(const struct foreign_qcow2 *image, uint64_t entry,
                                    uint64_t bytes, const struct why *why)
{
	uint64_t cluster = cluster_of(entry), end = image->source->bytes;

	if (entry & COMPRESSED)
		return fail(why, VPMU_INCOMPATIBLE, "a VM state in compressed clusters");
	if (cluster & (cluster_bytes(image) - 1))
		return fail(why, VPMU_BAD_DATA, "a cluster that begins within another");
	if (cluster > end || (cluster && bytes > end - cluster))
		return fail(why, VPMU_BAD_DATA, "the VM state is cut short");
	return VPMU_OK;
}

/* The clusters that entries of one table are for, `most` bytes of the state at most. */
static enum vpmu_status check_table(const struct foreign_qcow2 *image, uint64_t at, uint64_t most,
                                    const struct why *why)
{
	uint64_t entries[CHUNK], table, cluster = cluster_bytes(image);
	uint64_t from = at >> image->cluster_bits & (cluster / 8 - 1);
	uint64_t count = (most + cluster - 1) >> image->cluster_bits;
	enum vpmu_status status = find_table(image, at, &table, why);

	for (uint64_t done = 0; done < count && table && !status; done += CHUNK) {
		size_t some = count - done < CHUNK ? (size_t)(count - done) : CHUNK;

		status = get_entries(image, table, from + done, some, entries, why);
		for (size_t i = 0; i < some && !status; i++) {
			uint64_t left = most - ((done + i) << image->cluster_bits);

			status = check_entry(image, entries[i], left < cluster ? left : cluster,
			                     why);
		}
	}
	return status;
}

static enum vpmu_status check_state(const struct foreign_qcow2 *image, const struct why *why)
{
	uint64_t reach = BIT64(l1_shift(image));
	enum vpmu_status status = VPMU_OK;

	for (uint64_t done = 0; done < image->state.bytes && !status; done += reach) {
		uint64_t left = image->state.bytes - done;

		status = check_table(image, image->state_at + done, left < reach ? left : reach,
		                     why);
	}
	return status;
}

static bool read_state(void *context, uint64_t offset, void *into, size_t bytes);

enum vpmu_status foreign_qcow2_choose(struct foreign_qcow2 *image,
                                      const struct foreign_snapshot *snapshot, char *text,
                                      size_t text_bytes)
{
	const struct why why = {text, text_bytes};
	uint64_t parts = (snapshot->disk_bytes >> l1_shift(image)) +
	                 !!(snapshot->disk_bytes & (BIT64(l1_shift(image)) - 1));

	/* Zeros that are nowhere would be read for ever; QEMU writes a state as it is. */
	if (snapshot->state_bytes > image->source->bytes)
		return fail(&why, VPMU_BAD_DATA, "a VM state that is larger than the image");
	if (snapshot->l1_entries > L1_ENTRIES || parts >= snapshot->l1_entries)
		return fail(&why, VPMU_BAD_DATA,
		            "a snapshot's table without room for its VM state");
	image->l1_offset = snapshot->l1_offset;
	image->l1_entries = snapshot->l1_entries;
	image->state_at = parts << l1_shift(image);
	image->state = (struct vpmu_source){
		.read = read_state, .context = image, .bytes = snapshot->state_bytes};
	return check_state(image, &why);
}

static bool read_part(const struct foreign_qcow2 *image, uint64_t at, void *into, size_t bytes)
{
	const struct why nobody = {NULL, 0};
	uint64_t table, entry = 0, cluster;

	if (find_table(image, at, &table, &nobody))
		return false;
	if (table &&
	    get_entries(image, table, at >> image->cluster_bits & (cluster_bytes(image) / 8 - 1), 1,
	                &entry, &nobody))
		return false;
	cluster = cluster_of(entry);
	if (cluster)
		return !get(image, cluster + (at & (cluster_bytes(image) - 1)), into, bytes,
		            &nobody);
	memset(into, 0, bytes);
	return true;
}

static bool read_state(void *context, uint64_t offset, void *into, size_t bytes)
{
	const struct foreign_qcow2 *image = context;

	while (bytes) {
		uint64_t at = image->state_at + offset;
		uint64_t left = cluster_bytes(image) - (at & (cluster_bytes(image) - 1));
		size_t some = bytes < left ? bytes : (size_t)left;

		if (!read_part(image, at, into, some))
			return false;
		offset += some;
		into = (char *)into + some;
		bytes -= some;
	}
	return true;
}
