# SPDX-License-Identifier: GPL-3.0-or-later
# The whole build; `make help` lists what it can do.  A new tool is cmd/NAME.c, man/NAME.1 and tests/NAME.t; a new
# format is one file in lib/io and one line in lib/io/codec.c.

VERSION  := 0.1.0
PREFIX   ?= /usr/local
PACKAGES := libarchive libcjson libpng libtiff-4 libjpeg zlib fftw3f gsl nettle cairo expat libmicrohttpd

ifeq ($(origin CC),default)
CC       := gcc
endif
# gcc's -O2 leaves loops over an unknown number of elements to one at a time; clang's does not.
CFLAGS   ?= $(if $(SAN),-O1,-O3) -g
comma    := ,
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-missing-field-initializers $(if $(WERROR),-Werror)
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
BUILD    := build/$(notdir $(CC))$(if $(SAN),-san)
BIN      := $(if $(SAN),$(BUILD)/bin,bin)

PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null)
# oneDNN has no pkg-config file: "2.6", empty where it is not there
DNNL       := $(subst $() ,,$(shell printf '\043include <oneapi/dnnl/dnnl_version.h>\n%s' \
	'DNNL_VERSION_MAJOR.DNNL_VERSION_MINOR' | $(CC) $(CPPFLAGS) -E -P - 2>/dev/null))
# "libarchive 3.6.2, ...": what --version tells
VERSIONS   := $(subst $() ,$(comma) ,$(strip \
	$(foreach p,$(PACKAGES),$(p)-$(shell pkg-config --modversion $(p) 2>/dev/null)) oneDNN-$(DNNL)))

CPPFLAGS  += -D_XOPEN_SOURCE=700 -D_FILE_OFFSET_BITS=64 -DEM_VERSION='"$(VERSION)"' -Ilib
# Nobody asks whether arithmetic has set errno or a flag; numbers are the same without.
ALL_CFLAGS = -std=c11 -pthread -fno-math-errno -fno-trapping-math $(WARN) $(SANFLAGS) $(CFLAGS)
# --as-needed keeps oneDNN out of the tools that run no network.
LIBS       = $(PKG_LIBS) -ldnnl -lm -pthread

LIB_SRC  := $(wildcard lib/*/*.c lib/*/*/*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/%.o) $(patsubst %.S,$(BUILD)/%.o,$(wildcard lib/*/*.S))
TOOLS    := $(patsubst cmd/%.c,%,$(wildcard cmd/*.c))
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*.c))
FUZZ     := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/*.c))
# and fuzz_codec once more for each format of the table in codec.c
FORMATS  := $(shell sed -n 's/^\tX(\([a-z0-9_]*\)).*/\1/p' lib/io/codec.c)
FUZZ     += $(FORMATS:%=build/fuzz/format_%)
SHELL_T  := $(wildcard tests/*.t)
MAN      := $(wildcard man/*.[157])

# check, demo and bench build on all processors unless the user said -j himself.
JOBS      = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))
IMAGE    ?=
SUPPORT  ?=
FUZZ_SECONDS ?= 60

all: libraries $(TOOLS:%=$(BIN)/%)

unit: libraries $(UNIT)

# An order of the build that fails with advice instead of a page of missing headers.
libraries:
	@[ -n "$(strip $(PKG_LIBS))" ] && [ -n "$(DNNL)" ] || { \
		pkg-config --print-errors --exists $(PACKAGES); \
		echo "make: libraries or pkg-config are missing: run scripts/install-deps" >&2; exit 1; }

$(BUILD)/libem.a: $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $(LIB_OBJ)

$(BUILD)/lib/cli/help.o: CPPFLAGS += -DEM_LIBRARIES='"$(VERSIONS)"'

$(BUILD)/%.o: %.c | libraries
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# An embedded file is no header: -MMD does not see it.
$(BUILD)/lib/vision/small_weights.o: lib/vision/small_weights.S lib/vision/em-small.safetensors | libraries
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -c -o $@ $<

$(BIN)/%: $(BUILD)/cmd/%.o $(BUILD)/libem.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -Wl,--as-needed -o $@ $< $(BUILD)/libem.a $(LIBS)

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libem.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -Wl,--as-needed -o $@ $< $(BUILD)/libem.a $(LIBS) -lcmocka

# Every target below that builds calls make again, so that pkg-config is asked after the libraries are there.
check:
	@scripts/install-deps
	@$(MAKE) -s $(JOBS) all unit
	@EM_BIN=$(CURDIR)/$(BIN) UBSAN_OPTIONS=print_stacktrace=1 prove -j$(shell nproc) --exec '' $(SHELL_T) $(UNIT)

demo:
	@scripts/install-deps
	@$(MAKE) -s $(JOBS) all
	@EM_BIN=$(CURDIR)/$(BIN) scripts/demo $${IMAGE:+--image "$$IMAGE"} $${SUPPORT:+--support "$$SUPPORT"} \
		$${PIXEL_SIZE:+--pixel-size "$$PIXEL_SIZE"} $${CLAHE:+--clahe "$$CLAHE"}

bench:
	@scripts/install-deps bench
	@$(MAKE) -s $(JOBS) all
	@EM_BIN=$(CURDIR)/$(BIN) scripts/bench

lint: all
	@EM_BIN=$(CURDIR)/$(BIN) scripts/lint

# libFuzzer over the readers of hostile bytes; needs clang.  Found inputs are kept in build/fuzz/corpus.
fuzz: $(FUZZ) $(BIN)/emcat
	@mkdir -p build/fuzz/corpus/fuzz_stream
	@$(BIN)/emcat --no-provenance -o build/fuzz/corpus/fuzz_stream/seed.tar testdata/stack3-u8.tif
	@for f in $(FUZZ); do \
		mkdir -p build/fuzz/corpus/$${f##*/} && \
		$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=4096 -artifact_prefix=build/fuzz/ \
			build/fuzz/corpus/$${f##*/} $$(ls -d tests/fuzz/seeds/$${f##*/} 2>&-) testdata || exit 1; \
	done

FUZZ_CFLAGS = $(CPPFLAGS) $(PKG_CFLAGS) -std=c11 -pthread -g -O1 -fno-sanitize-recover=undefined
FUZZ_ROOMS := base io vision crystal synth eels forecast scope scope/sim
FUZZ_OBJ   := $(patsubst %.c,build/fuzz/%.o,$(wildcard $(FUZZ_ROOMS:%=lib/%/*.c))) \
	$(BUILD)/lib/vision/small_weights.o

build/fuzz/lib/%.o: lib/%.c | libraries
	@mkdir -p $(@D)
	clang $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<

build/fuzz/format_%: tests/fuzz/fuzz_codec.c $(FUZZ_OBJ)
	clang $(FUZZ_CFLAGS) -DFORMAT=$* -fsanitize=fuzzer,address,undefined -o $@ $< $(FUZZ_OBJ) $(LIBS)

build/fuzz/%: tests/fuzz/%.c $(FUZZ_OBJ) tests/fuzz/fuzz_help.h
	clang $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined -o $@ $< $(filter-out $(FUZZ_OWN),$(FUZZ_OBJ)) $(LIBS)

# It is the other end of all connections itself.
build/fuzz/fuzz_replies: FUZZ_OWN = build/fuzz/lib/scope/socket.o

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(MAN_DIRS) $(COMPLETION_DIRS)
	install $(TOOLS:%=$(BIN)/%) $(DESTDIR)$(PREFIX)/bin
	for page in $(MAN); do install -m 644 $$page $(SHARE)/man/man$${page##*.}/ || exit 1; done
	for tool in $(TOOLS); do \
		$(BIN)/$$tool --completion bash >$(SHARE)/bash-completion/completions/$$tool && \
		$(BIN)/$$tool --completion zsh >$(SHARE)/zsh/site-functions/_$$tool && \
		$(BIN)/$$tool --completion fish >$(SHARE)/fish/vendor_completions.d/$$tool.fish || exit 1; \
	done

uninstall:
	rm -f $(TOOLS:%=$(DESTDIR)$(PREFIX)/bin/%)
	for page in $(MAN:man/%=%); do rm -f $(SHARE)/man/man$${page##*.}/$$page; done
	rm -f $(TOOLS:%=$(SHARE)/bash-completion/completions/%) $(TOOLS:%=$(SHARE)/zsh/site-functions/_%) \
		$(TOOLS:%=$(SHARE)/fish/vendor_completions.d/%.fish)

SHARE           = $(DESTDIR)$(PREFIX)/share
MAN_DIRS        = $(SHARE)/man/man1 $(SHARE)/man/man5 $(SHARE)/man/man7
COMPLETION_DIRS = $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions $(SHARE)/fish/vendor_completions.d

dist:
	@mkdir -p build
	git archive --prefix=emfilters-$(VERSION)/ HEAD | gzip -9n >build/emfilters-$(VERSION).tar.gz
	@echo build/emfilters-$(VERSION).tar.gz

clean:
	rm -rf bin build out

# What a filter of yours needs to be compiled over the library: cc -o emx emx.c $(make -sC CHECKOUT print-flags)
print-cflags: libraries
	@echo -D_XOPEN_SOURCE=700 -D_FILE_OFFSET_BITS=64 -I$(CURDIR)/lib -std=c11 -pthread $(SANFLAGS)
print-libs: libraries $(BUILD)/libem.a
	@echo $(CURDIR)/$(BUILD)/libem.a $(LIBS)
print-flags: print-cflags print-libs

help:
	@echo 'make            build the tools into bin/ (SAN=1: with ASan and UBSan, into build/)'
	@echo 'make check      install what is missing, build, run every test (SAN=1 as well)'
	@echo 'make demo       the whole pipeline on a generated micrograph, into out/ (IMAGE= SUPPORT=: yours)'
	@echo 'make bench      times and memory, beside a numpy script on the same work'
	@echo 'make lint       the rules of HACKING.md'
	@echo 'make fuzz       libFuzzer over the readers, a target a format (FUZZ_SECONDS=60 each)'
	@echo 'make install    tools, manual pages, shell completions (PREFIX=/usr/local, DESTDIR=); make uninstall'
	@echo 'make dist       a tar of the last commit; make clean removes bin/, build/ and out/'
	@echo 'Variables: CC, CFLAGS, LDFLAGS, WERROR=1, SAN=1, PREFIX, DESTDIR'

.PHONY: all unit libraries check demo bench lint fuzz install uninstall dist clean help \
	print-cflags print-libs print-flags
.SECONDARY:
-include $(LIB_OBJ:.o=.d) $(TOOLS:%=$(BUILD)/cmd/%.d) $(UNIT:$(BUILD)/unit/%=$(BUILD)/tests/unit/%.d) \
	$(FUZZ_OBJ:.o=.d)
