//go:build tools

// Package newer names the programs that build.sh makes, so that go.mod keeps their versions.
package newer

import (
	_ "github.com/osrg/gobgp/v4/cmd/gobgp"
	_ "github.com/osrg/gobgp/v4/cmd/gobgpd"
)
