/* SPDX-License-Identifier: MIT */
/* The text of a live migration's address: unix:PATH, tcp:HOST:PORT, tcp:[IPV6]:PORT. */
#include <string.h>
#include <arpa/inet.h>

#include "migrate.h"

static bool refuse_address(struct text *why, const char *what)
{
	text_add(why, what);
	return false;
}

static bool parse_path(const char *path, struct address *address, struct text *why)
{
	size_t length = strlen(path);

	if (!length || length >= sizeof(address->path))
		return refuse_address(why, "a path of 1 to 107 bytes is needed");
	address->local = true;
	memcpy(address->path, path, length + 1);
	return true;
}

/* Decimal digits and nothing else. */
static bool parse_port(const char *text, uint16_t *port, struct text *why)
{
	size_t length = strlen(text);
	uint64_t value = 0;

	if (length != strspn(text, "0123456789") || !text_parse_unsigned(text, length, &value) ||
	    length > 5 || value > UINT16_MAX) {
		text_add(why, "no port: ");
		text_add_quoted(why, text, length);
		return refuse_address(why, " (0 to 65535 are)");
	}
	*port = (uint16_t)value;
	return true;
}

static bool is_visible(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return false;
	return true;
}

/* An address in brackets; a scope may follow a '%'. */
static bool is_ipv6(const char *host)
{
	size_t length = strcspn(host, "%");
	char plain[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (length >= sizeof(plain) || (host[length] && !host[length + 1]))
		return false;
	memcpy(plain, host, length);
	plain[length] = '\0';
	return inet_pton(AF_INET6, plain, &address) == 1;
}

static bool parse_host(const char *text, size_t length, struct address *address, struct text *why)
{
	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		address->literal = true;
		text++;
		length -= 2;
	}
	if (!length || length >= sizeof(address->host) || !is_visible(text, length))
		return refuse_address(why, "tcp:HOST:PORT is needed");
	memcpy(address->host, text, length);
	address->host[length] = '\0';
	if (address->literal && !is_ipv6(address->host))
		return refuse_address(why, "no IPv6 address is in the brackets");
	if (!address->literal && strpbrk(address->host, ":[]"))
		return refuse_address(why, "an IPv6 address needs brackets: tcp:[ADDRESS]:PORT");
	return true;
}

static bool parse_tcp(const char *text, struct address *address, struct text *why)
{
	const char *colon = strrchr(text, ':');

	if (!colon)
		return refuse_address(why, "tcp:HOST:PORT is needed");
	return parse_host(text, (size_t)(colon - text), address, why) &&
	       parse_port(colon + 1, &address->port, why);
}

bool address_parse(const char *text, struct address *address, struct text *why)
{
	memset(address, 0, sizeof(*address));
	if (!strncmp(text, "unix:", 5))
		return parse_path(text + 5, address, why);
	if (!strncmp(text, "tcp:", 4))
		return parse_tcp(text + 4, address, why);
	return refuse_address(why, "unix:PATH or tcp:HOST:PORT is needed");
}
