/* SPDX-License-Identifier: MIT */
/*
 * Addresses as text, and reaching them: names, ports at their bounds, a backlog that is full, a
 * name server that never answers (getaddrinfo() here is the test's).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "machine/saved/migrate.h"
#include "machine/board/room.h"

enum { LIMIT_MS = 500, MARGIN_MS = 2000 };

static volatile sig_atomic_t stop;
static const struct migration_limits limits = {LIMIT_MS, LIMIT_MS, &stop};
static enum vpmu_status status;
static char why[256];

/* Numbers as they are; the name "silent" is never answered for, others are unknown. */
int getaddrinfo(const char *restrict host, const char *restrict port,
                const struct addrinfo *restrict hints, struct addrinfo **restrict list)
{
	struct sockaddr_in6 *v6;
	struct sockaddr_in *v4;
	struct addrinfo *one = calloc(1, sizeof(*one) + sizeof(*v6));
	bool numeric = hints->ai_flags & AI_NUMERICHOST;

	v6 = (void *)(one + 1);
	v4 = (void *)(one + 1);
	one->ai_addr = (void *)v6;
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)atoi(port));
		one->ai_addrlen = sizeof(*v4);
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)atoi(port));
		one->ai_addrlen = sizeof(*v6);
	} else {
		free(one);
		while (!numeric && !strcmp(host, "silent"))
			pause();
		return !numeric && !strcmp(host, "no-memory") ? EAI_MEMORY : EAI_NONAME;
	}
	*list = one;
	return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
	free(list);
}

/* --- Text ------------------------------------------------------------------------------------- */

struct good {
	const char *text, *host;
	uint16_t port;
	bool literal;
};

static void good_addresses_are_taken_apart(void **state)
{
	static const struct good good[] = {
		{"tcp:localhost:0", "localhost", 0, false},
		{"tcp:localhost:1", "localhost", 1, false},
		{"tcp:localhost:65535", "localhost", 65535, false},
		{"tcp:127.0.0.1:00080", "127.0.0.1", 80, false},
		{"tcp:[::1]:80", "::1", 80, true},
		{"tcp:[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1", 80, true},
		{"tcp:[fe80::1%eth0]:80", "fe80::1%eth0", 80, true},
		{"tcp:a.name-with.dots:80", "a.name-with.dots", 80, false},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		struct text reason = text_in(why, sizeof(why));
		struct address address;

		if (!address_parse(good[i].text, &address, &reason))
			fail_msg("%s: %s", good[i].text, why);
		assert_false(address.local);
		assert_string_equal(address.host, good[i].host);
		assert_int_equal(address.port, good[i].port);
		assert_int_equal(address.literal, good[i].literal);
	}
}

static void bad_addresses_are_refused_with_a_reason(void **state)
{
	static const char *const bad[] = {
		"",
		"tcp",
		"tcp:",
		"tcp::",
		"tcp::1",
		"tcp:localhost",
		"tcp:localhost:",
		"tcp:localhost:65536",
		"tcp:localhost:99999",
		"tcp:localhost:100000",
		"tcp:localhost:18446744073709551617",
		"tcp:localhost:000080",
		"tcp:localhost:+1",
		"tcp:localhost:-1",
		"tcp:localhost:0x50",
		"tcp:localhost: 80",
		"tcp:localhost:80 ",
		"tcp:localhost:http",
		"tcp:local host:80",
		"tcp: localhost:80",
		"tcp:local\nhost:80",
		"tcp:::1:80",
		"tcp:::ffff:127.0.0.1:80",
		"tcp:[]:80",
		"tcp:[::1:80",
		"tcp:::1]:80",
		"tcp:[::1]80",
		"tcp:[[::1]]:80",
		"tcp:[localhost]:80",
		"tcp:[127.0.0.1]:80",
		"tcp:[::1%]:80",
		"tcp:[1:2:3:4:5:6:7:8:9]:80",
		"TCP:localhost:80",
		"udp:localhost:80",
		"unix:",
		"/tmp/socket",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct text reason = text_in(why, sizeof(why));
		struct address address;

		if (address_parse(bad[i], &address, &reason))
			fail_msg("'%s' is taken", bad[i]);
		assert_true(strlen(why) > 8);
	}
}

static void path_is_as_long_as_a_socket_takes_it(void **state)
{
	struct address address;
	char text[5 + 108 + 1] = "unix:";
	struct text reason = text_in(why, sizeof(why));

	memset(text + 5, 'x', 108);
	assert_false(address_parse(text, &address, &reason));
	text[5 + 107] = '\0';
	assert_true(address_parse(text, &address, &reason));
	assert_true(address.local);
	assert_string_equal(address.path, text + 5);
}

/* --- Sockets ---------------------------------------------------------------------------------- */

static struct listener *listen_at(const char *address)
{
	struct listener *listener =
		address_listen(address, false, &limits, &status, why, sizeof(why));

	if (!listener)
		fail_msg("%s: %s", address, why);
	return listener;
}

static void chosen_port_is_told_and_can_be_reached(const char *address, const char *begins)
{
	struct listener *listener = listen_at(address);
	const char *chosen = listener_chosen(listener);
	int here, there;

	assert_non_null(chosen);
	assert_memory_equal(chosen, begins, strlen(begins));
	assert_string_not_equal(chosen + strlen(begins), "0");
	here = address_connect(chosen, false, &limits, why, sizeof(why));
	there = listener_accept(listener, &limits, why, sizeof(why));
	assert_true(here >= 0);
	assert_true(there >= 0);
	assert_int_equal(write(here, "x", 1), 1);
	assert_int_equal(read(there, why, 1), 1);
	close(here);
	close(there);
	listener_end(listener);
}

static void port_0_is_chosen_told_and_reached(void **state)
{
	chosen_port_is_told_and_can_be_reached("tcp:127.0.0.1:0", "tcp:127.0.0.1:");
}

static void mapped_address_is_the_ipv4_one(void **state)
{
	chosen_port_is_told_and_can_be_reached("tcp:[::ffff:127.0.0.1]:0", "tcp:127.0.0.1:");
}

static void ipv6_address_is_told_in_brackets(void **state)
{
	struct sockaddr_in6 loopback = {.sin6_family = AF_INET6,
	                                .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool has_ipv6 = fd >= 0 && !bind(fd, (void *)&loopback, sizeof(loopback));

	close(fd);
	if (!has_ipv6)
		skip();
	chosen_port_is_told_and_can_be_reached("tcp:[::1]:0", "tcp:[::1]:");
}

static void given_port_is_not_told(void **state)
{
	struct listener *chosen = listen_at("tcp:127.0.0.1:0"), *given;
	char address[64];

	strcpy(address, listener_chosen(chosen));
	listener_end(chosen);
	given = listen_at(address);
	assert_null(listener_chosen(given));
	listener_end(given);
}

static void other_hosts_are_refused(void **state)
{
	static const char *const others[] = {"tcp:0.0.0.0:0",       "tcp:[::]:0",
	                                     "tcp:192.0.2.1:0",     "tcp:[::ffff:192.0.2.1]:0",
	                                     "tcp:[2001:db8::1]:0", "tcp:[::ffff:0.0.0.0]:0"};

	for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
		assert_null(address_listen(others[i], false, &limits, &status, why, sizeof(why)));
		assert_int_equal(status, VPMU_BAD_ARGUMENT);
		assert_non_null(strstr(why, "another host"));
		assert_int_equal(address_connect(others[i], false, &limits, why, sizeof(why)), -1);
		assert_non_null(strstr(why, "another host"));
	}
}

/* --- Waiting ---------------------------------------------------------------------------------- */

static void must_fail_in_time(const char *address, const char *reason)
{
	uint64_t begun = clock_ms();

	assert_int_equal(address_connect(address, false, &limits, why, sizeof(why)), -1);
	if (clock_ms() - begun > LIMIT_MS + MARGIN_MS)
		fail_msg("%s: %llu ms", address, (unsigned long long)(clock_ms() - begun));
	if (!strstr(why, reason))
		fail_msg("'%s' is not in '%s'", reason, why);
}

/* A listener that accepts nobody, and connections up to where no more are taken. */
static void backlog_of_a_unix_socket_that_is_full_is_not_waited_for(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), one;
	char address[128];

	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/vpmu-backlog-%d", (int)getpid());
	snprintf(address, sizeof(address), "unix:%s", at.sun_path);
	assert_int_equal(bind(fd, (void *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 0), 0);
	one = address_connect(address, false, &limits, why, sizeof(why));
	assert_true(one >= 0);
	must_fail_in_time(address, "in time");
	close(one);
	close(fd);
	unlink(at.sun_path);
}

static void backlog_of_tcp_that_is_full_is_not_waited_for(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t bytes = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0), ends[8];
	unsigned count = 0;
	char address[64];

	assert_int_equal(bind(fd, (void *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (void *)&at, &bytes), 0);
	snprintf(address, sizeof(address), "tcp:127.0.0.1:%u", ntohs(at.sin_port));
	while (count < 8) {
		ends[count] = address_connect(address, false, &limits, why, sizeof(why));
		if (ends[count] < 0)
			break;
		count++;
	}
	must_fail_in_time(address, "in time");
	while (count)
		close(ends[--count]);
	close(fd);
}

static void name_that_nobody_answers_for_is_not_waited_for(void **state)
{
	must_fail_in_time("tcp:silent:80", "in time");
	assert_null(address_listen("tcp:silent:0", false, &limits, &status, why, sizeof(why)));
	assert_int_equal(status, VPMU_HOST);
}

static void name_that_is_unknown_is_refused(void **state)
{
	must_fail_in_time("tcp:unknown:80", "no such host");
	assert_null(address_listen("tcp:unknown:80", false, &limits, &status, why, sizeof(why)));
	assert_int_equal(status, VPMU_BAD_ARGUMENT);
}

static void what_this_host_lacks_is_not_the_addresss_fault(void **state)
{
	struct listener *first = listen_at("tcp:127.0.0.1:0");

	assert_null(
		address_listen(listener_chosen(first), false, &limits, &status, why, sizeof(why)));
	assert_int_equal(status, VPMU_HOST);
	assert_non_null(strstr(why, "nobody can listen there"));
	listener_end(first);
	must_fail_in_time("tcp:no-memory:80", "no host can be looked up");
	assert_null(address_listen("tcp:no-memory:80", false, &limits, &status, why, sizeof(why)));
	assert_int_equal(status, VPMU_HOST);
}

static void signal_ends_the_wait_for_a_connection(void **state)
{
	struct listener *listener = listen_at("tcp:127.0.0.1:0");

	stop = SIGTERM;
	assert_int_equal(listener_accept(listener, &limits, why, sizeof(why)), -1);
	assert_string_equal(why, "stopped by a signal");
	stop = 0;
	listener_end(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_addresses_are_taken_apart),
		cmocka_unit_test(bad_addresses_are_refused_with_a_reason),
		cmocka_unit_test(path_is_as_long_as_a_socket_takes_it),
		cmocka_unit_test(port_0_is_chosen_told_and_reached),
		cmocka_unit_test(mapped_address_is_the_ipv4_one),
		cmocka_unit_test(ipv6_address_is_told_in_brackets),
		cmocka_unit_test(given_port_is_not_told),
		cmocka_unit_test(other_hosts_are_refused),
		cmocka_unit_test(backlog_of_a_unix_socket_that_is_full_is_not_waited_for),
		cmocka_unit_test(backlog_of_tcp_that_is_full_is_not_waited_for),
		cmocka_unit_test(name_that_nobody_answers_for_is_not_waited_for),
		cmocka_unit_test(name_that_is_unknown_is_refused),
		cmocka_unit_test(what_this_host_lacks_is_not_the_addresss_fault),
		cmocka_unit_test(signal_ends_the_wait_for_a_connection),
	};

	return cmocka_run_group_tests_name("migrate-address", tests, NULL, NULL);
}
