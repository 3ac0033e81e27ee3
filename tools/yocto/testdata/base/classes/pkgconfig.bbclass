# A program that finds libraries by pkg-config.
DEPENDS:append = " pkgconfig-native"
