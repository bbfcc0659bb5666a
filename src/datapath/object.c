/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/object.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "datapath/internal.h"

/* The newest messages of libbpf; a verifier's verdict comes at the end. */
static _Thread_local struct {
	char text[4096];
	size_t n;
} heard;

__attribute__((format(printf, 2, 0))) static int listen_to_libbpf(enum libbpf_print_level level,
								  const char *fmt, va_list ap)
{
	if (level != LIBBPF_WARN)
		return 0;
	char line[2048];
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	if (n < 0)
		return 0;
	size_t len = strnlen(line, sizeof(line) - 1);
	if (heard.n + len >= sizeof(heard.text)) {
		size_t keep = sizeof(heard.text) - 1 - len;
		if (keep > heard.n)
			keep = heard.n;
		memmove(heard.text, heard.text + heard.n - keep, keep);
		heard.n = keep;
	}
	memcpy(heard.text + heard.n, line, len);
	heard.n += len;
	heard.text[heard.n] = '\0';
	return 0;
}

static int find_type(const struct btf *vmlinux, const char *name, __u32 *out,
		     struct wr_diags *diags)
{
	int id = btf__find_by_name_kind(vmlinux, name, BTF_KIND_STRUCT);
	if (id < 0)
		return wr_dp_error(diags, -ENOTSUP,
				   "the kernel's type information has no struct %s "
				   "(needs CONFIG_NF_CONNTRACK=y, CONFIG_NF_CONNTRACK_TIMESTAMP)",
				   name);
	*out = (__u32)id;
	return 0;
}

static int set_types(struct bpf_object *obj, struct wr_diags *diags)
{
	struct btf *vmlinux = btf__load_vmlinux_btf();
	if (!vmlinux)
		return wr_dp_error(diags, -ENOTSUP,
				   "no type information of the kernel at /sys/kernel/btf/vmlinux "
				   "(needs CONFIG_DEBUG_INFO_BTF)");
	struct weir_types types;
	int rc = find_type(vmlinux, "nf_conn", &types.nf_conn, diags);
	if (!rc)
		rc = find_type(vmlinux, "nf_conn_tstamp", &types.nf_conn_tstamp, diags);
	btf__free(vmlinux);
	if (rc < 0)
		return rc;
	struct bpf_map *map = bpf_object__find_map_by_name(obj, ".rodata.types");
	if (!map || bpf_map__set_initial_value(map, &types, sizeof(types)) < 0)
		return wr_dp_error(diags, -EINVAL, "the embedded eBPF object has no constants");
	return 0;
}

int wr_object_open(bool with_entry, struct wr_diags *diags, struct bpf_object **out)
{
	heard.n = 0;
	heard.text[0] = '\0';
	libbpf_set_print(listen_to_libbpf);
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "weir");
	struct bpf_object *obj = bpf_object__open_mem(wr_bpf_bytes, wr_bpf_size, &opts);
	if (!obj)
		return wr_dp_error(diags, -errno, "the embedded eBPF object is damaged: %s",
				   heard.text);
	/* libbpf 1.1 does not know this type of program: set by hand */
	struct bpf_program *prog;
	bpf_object__for_each_program(prog, obj)
	{
		bpf_program__set_type(prog, (enum bpf_prog_type)WR_PROG_NETFILTER);
		bpf_program__set_expected_attach_type(prog,
						      (enum bpf_attach_type)WR_ATTACH_NETFILTER);
		if (!strcmp(bpf_program__name(prog), "entry"))
			bpf_program__set_autoload(prog, with_entry);
	}
	int rc = set_types(obj, diags);
	if (rc < 0) {
		bpf_object__close(obj);
		return rc;
	}
	*out = obj;
	return 0;
}

int wr_object_load(struct bpf_object *obj, struct wr_diags *diags)
{
	int rc = bpf_object__load(obj);
	if (rc < 0)
		return wr_dp_error(diags, rc, "cannot load the eBPF program\n%s", heard.text);
	return 0;
}
