/* SPDX-License-Identifier: MIT */
/* Memory that lives as long as QEMU's translations: what was added to their blocks. */
#include <pthread.h>
#include <stdlib.h>

#include <qemu/room_int.h>

enum { CHUNK = 1 << 20, ALIGN = 8 };

static struct chunk {
	struct chunk *next;
	size_t used;
	uint8_t bytes[CHUNK];
} * chunks;
static pthread_mutex_t chunks_lock = PTHREAD_MUTEX_INITIALIZER;

static struct chunk *add_chunk(void)
{
	struct chunk *chunk = malloc(sizeof(*chunk));

	if (!chunk)
		return NULL;
	chunk->next = chunks;
	chunk->used = 0;
	return chunks = chunk;
}

void *block_alloc(size_t bytes)
{
	struct chunk *chunk;
	void *memory = NULL;

	bytes = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	pthread_mutex_lock(&chunks_lock);
	chunk = chunks && chunks->used + bytes <= CHUNK ? chunks : add_chunk();
	if (chunk && bytes <= CHUNK) {
		memory = chunk->bytes + chunk->used;
		chunk->used += bytes;
	}
	pthread_mutex_unlock(&chunks_lock);
	return memory;
}

size_t block_memory(void)
{
	size_t bytes = 0;

	pthread_mutex_lock(&chunks_lock);
	for (const struct chunk *chunk = chunks; chunk; chunk = chunk->next)
		bytes += chunk->used;
	pthread_mutex_unlock(&chunks_lock);
	return bytes;
}

/* QEMU has stopped all vCPUs and drops every translation. */
void block_flush(void *unused)
{
	keep_flush();
	timed_flush();
	while (chunks) {
		struct chunk *next = chunks->next;

		free(chunks);
		chunks = next;
	}
}
