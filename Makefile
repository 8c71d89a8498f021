# SPDX-License-Identifier: GPL-3.0-or-later
# The whole build.  A new tool is cmd/NAME.c, man/NAME.1 and tests/NAME.t; a new format is one file in lib/io and one
# line in lib/io/codec.c.  Variables to set: CC, CFLAGS, PREFIX, DESTDIR, SAN=1 (ASan and UBSan), WERROR=1.

VERSION  := 0.1.0
PREFIX   ?= /usr/local
PACKAGES := libarchive libcjson libpng libtiff-4 libjpeg zlib fftw3f gsl nettle cairo

CC       ?= cc
CFLAGS   ?= -O2 -g
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wconversion $(if $(WERROR),-Werror)
BUILD    := build/$(notdir $(CC))$(if $(SAN),-san)
BIN      := $(if $(SAN),$(BUILD)/bin,bin)
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
comma    := ,
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)

PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null)

CPPFLAGS += -D_POSIX_C_SOURCE=200809L -D_FILE_OFFSET_BITS=64 -DEM_VERSION='"$(VERSION)"' -Ilib
ALL_CFLAGS = -std=c11 -pthread $(WARN) $(SANFLAGS) $(CFLAGS)
LIBS      = $(PKG_LIBS) -lm -pthread

LIB_SRC  := $(wildcard lib/*/*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/%.o)
TOOLS    := $(patsubst cmd/%.c,%,$(wildcard cmd/*.c))
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*.c))
SHELL_T  := $(wildcard tests/*.t)

all: $(TOOLS:%=$(BIN)/%)

unit: $(UNIT)

$(BUILD)/libem.a: $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $(LIB_OBJ)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BIN)/%: $(BUILD)/cmd/%.o $(BUILD)/libem.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -Wl,--as-needed -o $@ $< $(BUILD)/libem.a $(LIBS)

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libem.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/libem.a $(LIBS) -lcmocka

.PHONY: all unit
.SECONDARY:
-include $(LIB_OBJ:.o=.d) $(TOOLS:%=$(BUILD)/cmd/%.d)
