/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JEOL microscopes: detectors through TEMCenter's detector service (HTTP and JSON), stage and optics through a bridge
 * on the TEM's PC.  UNTESTED against an instrument: what is here is by public clients of the service and PyJEM's
 * documentation, and tested against servers that play those.
 *
 *     jeol://HOST[:49226]                      detectors only
 *     jeol://HOST?bridge=PC[:8080]             with a bridge
 *
 * Of the service, below http://HOST:49226/DetectorRESTService/Detector (NAME percent-encoded: "STEM%20DF"):
 *
 *     GET  /GetAttachedDetector
 *          ["TVCAM_U","ADF1"]
 *     GET  /GetAssignChannels
 *          {"0":"BF","1":"ADF1","2":"None"}: these scan, all others are cameras
 *     GET  /NAME/Setting
 *          {"OutputImageInformation":{"ImageSize":{"Width":,"Height":}},"ExposureTimeValue":,...}
 *     POST /NAME/Setting
 *          the keys to change; the reply is what they became
 *     GET  /NAME/CreateRawData
 *          the pixels, of 8 or 16 bits, low byte first, without a header
 *
 * ExposureTimeValue is in microseconds a pixel of a scan and in milliseconds of a camera.  A picture's size is
 * OutputImageInformation's; binning and the size of a picture are left as they are set.  No scale is told: what
 * PixelsPerMeter counts by is not documented.
 *
 * The bridge serves that part of temscript's protocol (scope/temscript.h) which it can follow, over PyJEM or the TEM's
 * COM interface, in metres and radians:
 *
 *     GET  /v1/family /v1/microscope_id /v1/version                      texts
 *     GET  /v1/stage_position                                            {"x":,"y":,"z":,"a":,"b":}
 *     PUT  /v1/stage_position?method=GO                                  some of them; 204 when it goes, or is there
 *     GET  /v1/stage_status                                              "READY" "MOVING" "NOT_READY"
 *     GET  /v1/stage_limits                                              {"x":[lo,hi],...}
 *     GET, PUT  of the optics that it has: /v1/beam_blanked, /v1/spot_size_index, /v1/defocus, ...
 *
 * and answers "404 Unknown endpoint" to the rest.  PyJEM's SetPosition is a relative move: a bridge calls SetX, SetY,
 * SetZ, SetTiltXAngle, SetTiltYAngle, and says MOVING for half a second after each, as GetStatus lags.
 */
#ifndef EM_SCOPE_JEOL_H
#define EM_SCOPE_JEOL_H

#include "scope/instrument.h"

#define EM_JEOL_PORT "49226"

extern const struct em_driver_kind em_driver_jeol;

#endif
