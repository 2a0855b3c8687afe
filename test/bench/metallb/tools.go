//go:build tools

package metallb

import (
	_ "go.universe.tf/metallb/controller"
)
