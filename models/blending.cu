// What `_by_tensors` in blending.py computes, in one pass. DOWN and ACROSS are the pixels to a stored colour.

struct Colour { float blue, red; };

__device__ Colour operator+(Colour one, Colour other) { return {one.blue + other.blue, one.red + other.red}; }
__device__ Colour operator*(float share, Colour colour) { return {share * colour.blue, share * colour.red}; }

// How much a channel's value tells, and what it is taken for: 0 and 255 may have been cut off.
__device__ float trust(float value) { return (value > 0 && value < 255) + 1.f / 1024; }
__device__ float taken(float value) { return value - 128 + (value == 255) - (value == 0); }

// How red, green and blue differ from brightness.
__device__ void channels(Colour colour, float *differences) {
    differences[0] = 1.402f * colour.red;
    differences[1] = -0.344136f * colour.blue - 0.714136f * colour.red;
    differences[2] = 1.772f * colour.blue;
}

struct Picture {
    const unsigned char *values;
    int high, wide;

    __device__ int at(int channel, int y, int x) const { return (channel * high + y) * wide + x; }

    // The colour that was stored for these pixels; beyond the picture, the nearest there is.
    __device__ Colour stored(int row, int column) const {
        row = min(max(row, 0), (high - 1) / DOWN);
        column = min(max(column, 0), (wide - 1) / ACROSS);
        float sums[3] = {0, 0, 0}, weights = 0;
        for (int y = row * DOWN; y < min(row * DOWN + DOWN, high); ++y)
            for (int x = column * ACROSS; x < min(column * ACROSS + ACROSS, wide); ++x) {
                float pixel[3], weight = 2;
                for (int channel = 0; channel < 3; ++channel) {
                    pixel[channel] = values[at(channel, y, x)];
                    weight = min(weight, trust(pixel[channel]));
                }
                for (int channel = 0; channel < 3; ++channel) sums[channel] += weight * taken(pixel[channel]);
                weights += weight;
            }
        const float red = sums[0] / weights, green = sums[1] / weights, blue = sums[2] / weights;
        const float grey = 0.299f * red + 0.587f * green + 0.114f * blue;
        return {rintf((blue - grey) / 1.772f), rintf((red - grey) / 1.402f)};
    }
};

// A thread for each colour that is stored, and the pixels that share it.
extern "C" __global__ void blend(const unsigned char *pictures, unsigned char *blended, int high, int wide) {
    const int row = blockIdx.y, column = blockIdx.x * blockDim.x + threadIdx.x;
    if (column * ACROSS >= wide) return;
    const long long begin = 3ll * high * wide * blockIdx.z;
    const Picture picture = {pictures + begin, high, wide};

    Colour around[3][3];  // itself in the middle; along a side that was not halved, three times the same
    #pragma unroll
    for (int down = 0; down < 3; ++down)
        #pragma unroll
        for (int across = 0; across < 3; ++across)
            around[down][across] =
                picture.stored(row + (down - 1) * (DOWN - 1), column + (across - 1) * (ACROSS - 1));
    float repeated[3], wanted[3];
    channels(around[1][1], repeated);

    #pragma unroll
    for (int v = 0; v < DOWN; ++v)
        #pragma unroll
        for (int u = 0; u < ACROSS; ++u) {
            const int y = row * DOWN + v, x = column * ACROSS + u;
            if (y >= high || x >= wide) continue;
            float brightness = 0, weights = 0;
            for (int channel = 0; channel < 3; ++channel) {
                const float value = picture.values[picture.at(channel, y, x)], weight = trust(value);
                brightness += weight * (taken(value) - repeated[channel]);
                weights += weight;
            }
            brightness = min(max(rintf(brightness / weights), -128.f), 127.f) + 128;
            const Colour beside = 0.75f * around[1][1] + 0.25f * around[1][2 * u];
            const Colour above = 0.75f * around[2 * v][1] + 0.25f * around[2 * v][2 * u];
            const Colour colour = 0.75f * beside + 0.25f * above;
            // A half is rounded up in every other pixel, down in the rest.
            const int sixteenths = DOWN * ACROSS == 4 ? 8 - x % 2 : 4 + 4 * ((ACROSS == 2 ? x : y) % 2);
            const float half = sixteenths / 16.f;
            channels({floorf(colour.blue + half), floorf(colour.red + half)}, wanted);
            for (int channel = 0; channel < 3; ++channel) {
                blended[begin + picture.at(channel, y, x)] =
                    min(max(rintf(wanted[channel]) + brightness, 0.f), 255.f);
            }
        }
}
