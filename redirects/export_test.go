package redirects

import "datestone/layout"

// CloudFrontVariants renders the Function with its tables in it, whatever its
// size, and with a KeyValueStore, whether it needs one or not.
func CloudFrontVariants(tables []layout.Table) (inline string, stored []Artifact, err error) {
	sites, err := checkedSites(tables)
	if err != nil {
		return "", nil, err
	}
	stored, err = renderCloudFrontStore(sites)
	return cloudFrontInline(sites), stored, err
}
